"""Work in parts that several processes share through a folder, and what each part came to. Knows nothing of networks."""
