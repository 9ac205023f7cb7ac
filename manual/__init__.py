"""How the manual is made of the pages in docs/: the reference from the code, the plain pages for the add-on's zip.

make docs         the manual as a site, in out/manual
make reference    docs/reference.md, after a button or a setting has changed
"""
