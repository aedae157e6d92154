"""The ground: files and folders, texts and lists, read and written safely. Knows nothing of images, networks or boxes."""
