"""Decision regions: planes through images, the predicted classes of their points, and the similarity of these (DRS)."""
