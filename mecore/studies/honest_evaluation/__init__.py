"""What an honest evaluation gives, on flow images."""
