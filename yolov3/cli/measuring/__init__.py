"""Commands that say how good and how fast models are: words in, a call, words out."""
