"""Candidate sources: each proposes items from its own kind of evidence, by the interface of `retrieval.candidates`."""
