"""Decision regions: planes through images, the predicted classes of their points, and the agreement of these."""
