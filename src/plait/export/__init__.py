"""From a run to what answers requests: who is recommended what, what scores it, and the folder that holds both."""
