"""What is kept of a network's predictions: the places worth a look, suppression, pixels of the image. Knows no network."""
