"""What ``polling.py`` measures: the two ways to wait for exports, and the page."""
