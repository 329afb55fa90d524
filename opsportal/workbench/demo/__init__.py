"""The demo: a small company, its rules, six weeks of its history, and leads that keep coming.

`manage.py demo` (launch.py) starts everything below as processes of its own; nothing else imports this package.
"""
