"""The pages of the people who run the site: see why a slate looked as it did, how the loop is doing, and act."""
