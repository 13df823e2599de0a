"""Reading other people's catalogues into ours.

    a file -> records -> rows -> batches -> the database
              formats.py  rows.py  catalog_import.py  upsert.py

A reader (jsonl.py, csv_files.py, parquet.py, movielens.py, goodbooks.py) knows one file format and nothing of the
database. Where people also did something, movielens_ratings.py or own_history.py reads it in the terms of
history_format.py, and feedback/history.py writes it.
What makes a row acceptable is said once, in rows.py. What is written, and how, is said once, in upsert.py.
"""
