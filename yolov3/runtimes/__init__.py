"""Fitted images to predictions, whatever computes them. Knows neither files of images nor what becomes of the boxes."""
