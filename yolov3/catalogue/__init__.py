"""Which data set is meant, in which format it is, and how its images are divided; knows the formats, not their files."""
