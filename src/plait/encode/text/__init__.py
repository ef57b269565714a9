"""Texts to vectors with a pretrained encoder: found, loaded, run over tokens, pooled; transformers waits for a text."""
