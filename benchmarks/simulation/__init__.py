"""What ``slots.py`` simulates: Airflow's tasks and one Chargebee site in virtual time, the figures, the page."""
