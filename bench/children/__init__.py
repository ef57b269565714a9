"""Work that must be measured in a process of its own; each prints one line of JSON at its end."""
