"""Kinds about themes of complaints."""
