"""Sounds to vectors: log-mel spectrograms that a network of the model reads, or a pretrained model that stays as it is."""
