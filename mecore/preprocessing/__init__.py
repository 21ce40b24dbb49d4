"""From frames to faces: detection, landmarks, crops."""
