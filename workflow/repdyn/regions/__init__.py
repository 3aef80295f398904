"""Decision regions: planes through images, the classes given to their points, and how far these agree."""
