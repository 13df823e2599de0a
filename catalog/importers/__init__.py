"""Reading other people's catalogues into ours.

    a file -> records -> rows -> batches -> the database
              formats.py  rows.py  catalog_import.py  upsert.py

A reader (jsonl.py, csv_files.py, parquet.py, movielens.py, goodbooks.py) knows one file format and nothing of the
database.
What makes a row acceptable is said once, in rows.py. What is written, and how, is said once, in upsert.py.
"""
