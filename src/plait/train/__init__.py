"""Batches and a model in, a trained model out."""
