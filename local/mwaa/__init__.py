"""Makes and checks a bundle for Amazon MWAA: wheels, requirements, DAG files, options, policies and a script to install it.

It knows the constraint files of the project and the package indexes that pip and uv are configured for, and no AWS API.
"""
