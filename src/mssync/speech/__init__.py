"""What is in the sound: filterbank features, and who speaks when."""
