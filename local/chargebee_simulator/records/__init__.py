"""The records of a made-up company, a module for each family of resources."""
