"""Pictures to vectors with a pretrained network that stays as it is: found, loaded, run."""
