"""kvcore for Django: file storage over any kvcore store."""
