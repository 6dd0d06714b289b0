"""What the light of the fibre pairs says: levels, baseline, taps against devices, pumps, and what kind of loss it is."""
