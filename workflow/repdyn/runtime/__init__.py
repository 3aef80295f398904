"""What any program needs: devices, random streams, progress, imports that wait, and an end in one sentence."""
