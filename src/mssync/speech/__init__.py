"""Speech analysis: audio features, speech activity, loudness, phones."""
