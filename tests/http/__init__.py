"""One suite for the three example sites, through each framework's own client."""
