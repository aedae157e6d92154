"""From the files of a data set, whatever their form, to samples. Makes no batches and knows no network."""
