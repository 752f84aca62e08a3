"""The way to the service.

transport           the boundary: a request goes in, an answer or a TransportError comes out
requests_transport  the only module that imports requests
strict_answer       answers must be whole, and in time
sockets             ends a connection on which another thread is waiting
hosts               which hosts are this machine
api                 the service's requests, and how to read its answers
event_stream        reads server-sent events on a thread of its own
"""
