"""Large images cut into tiles, and what was found in the tiles as what is in the image. Knows no network."""
