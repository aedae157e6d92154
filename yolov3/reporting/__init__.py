"""One page that says how good a model is, what it gets wrong and what to do: charts, crops, words. Knows no network."""
