"""What an experiment says: typed settings, their recipes, and how they are read. Knows no network and no data."""
