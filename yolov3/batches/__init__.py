"""From samples to batches: order, placement, augmentation, cache, worker processes. Knows no network and no loss."""
