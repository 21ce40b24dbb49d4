"""Small networks that name the emotion of one onset-apex flow image, one at a time or stacked."""
