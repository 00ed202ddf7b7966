"""Local stand-ins for the providers: they check what we send as the provider would, and fail on demand."""
