"""What the log adds up to by hour and by day, in recsite/models/log_counts.py: pages must not read the log."""
