"""Files in, files out: photos, sounds, videos, and the mark that what we make is synthetic."""
