"""Pretrained models, whatever they read: where they lie, whether their files are whole, in which numbers they run."""
