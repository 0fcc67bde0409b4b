"""Recipes: what a store or a decorator says of how it is made from configuration.

The protocol is told in `kvcore.registry`, where a recipe is found by its scheme or name.
"""

from kvcore.recipe.address import Address as Address
from kvcore.recipe.address import Server as Server
from kvcore.recipe.address import absolute_path as absolute_path
from kvcore.recipe.address import percent_decoded as percent_decoded
from kvcore.recipe.address import query_text as query_text
from kvcore.recipe.address import url_text as url_text
from kvcore.recipe.options import ANY_KEYS as ANY_KEYS
from kvcore.recipe.options import HASHFUNC as HASHFUNC
from kvcore.recipe.options import KEYS as KEYS
from kvcore.recipe.options import Option as Option
from kvcore.recipe.options import boolean as boolean
from kvcore.recipe.options import choice as choice
from kvcore.recipe.options import file_mode as file_mode
from kvcore.recipe.options import hash_function as hash_function
from kvcore.recipe.options import integer as integer
from kvcore.recipe.options import nearest as nearest
from kvcore.recipe.options import seconds as seconds
from kvcore.recipe.options import secret_bytes as secret_bytes
from kvcore.recipe.options import secret_text as secret_text
from kvcore.recipe.options import text as text
from kvcore.recipe.options import time_to_live as time_to_live
from kvcore.recipe.recipes import DecoratorRecipe as DecoratorRecipe
from kvcore.recipe.recipes import StoreRecipe as StoreRecipe
