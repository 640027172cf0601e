"""What ``upload.py`` measures and how: the ways to S3, the process that measures one, the sink, the page."""
