"""Object stores for the tests: servers in processes of their own, on 127.0.0.1.

`moto` is quick, and checks no signature; `ceph` is a whole engine that does; rclone and juicefs
ignore conditions; fake-gcs-server speaks as Google Cloud Storage. `fixtures` starts each when the
first test asks for it.
"""
