"""What compression costs a user downstream: land-cover classification and index maps on decoded scenes."""
