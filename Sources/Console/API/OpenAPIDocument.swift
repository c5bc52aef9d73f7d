// The description of the API, which is served as it stands here and is what a test holds the API to.

enum OpenAPIDocument {
    static let bytes = Array(text.utf8) + [0x0A]

    /// OpenAPI 3.1.
    private static let text = #"""
        {
          "openapi": "3.1.0",
          "info": {
            "title": "Dropgate",
            "version": "1",
            "summary": "What came to a gate, what was decided, and what lies ready.",
            "description": "Attempts and drops of one gate, for monitors and for the programs that take drops. A token of the console is needed (`dropgate token add NAME --role ROLE`); what it may do depends on its role: viewer and auditor look, operator decides too, consumer takes drops and sees no attempts. Refused requests are entries of the ledger, and so is everything that changes something or gives out what a drop holds. Lists come newest first; `next`, where there is one, is the `before` of the next page. A page may have fewer items than asked for, or none, while there is a next one: each looks at a bounded part of the ledger. Members may be added to objects; pass over what you do not know."
          },
          "servers": [{"url": "/api/v1"}],
          "security": [{"token": []}],
          "paths": {
            "/openapi.json": {
              "get": {
                "operationId": "description",
                "summary": "This description",
                "description": "Needs no token.",
                "security": [],
                "parameters": [{"$ref": "#/components/parameters/If-None-Match"}],
                "responses": {
                  "200": {
                    "description": "OpenAPI 3.1.",
                    "headers": {"ETag": {"$ref": "#/components/headers/ETag"}},
                    "content": {"application/json": {"schema": {"type": "object"}}}
                  },
                  "304": {"$ref": "#/components/responses/Unchanged"},
                  "403": {
                    "description": "A page of another site asks.",
                    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
                  }
                }
              }
            },
            "/status": {
              "get": {
                "operationId": "status",
                "summary": "How the gate is",
                "description": "Whether it accepts, and what is wrong: since when, and what to do. Roles: viewer, auditor, operator.",
                "parameters": [{"$ref": "#/components/parameters/If-None-Match"}],
                "responses": {
                  "200": {
                    "description": "The gate's state.",
                    "headers": {"ETag": {"$ref": "#/components/headers/ETag"}},
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Status"}}}
                  },
                  "304": {"$ref": "#/components/responses/Unchanged"},
                  "400": {"$ref": "#/components/responses/BadParameter"},
                  "401": {"$ref": "#/components/responses/Unauthorized"},
                  "403": {"$ref": "#/components/responses/Forbidden"},
                  "500": {"$ref": "#/components/responses/Failed"}
                }
              }
            },
            "/attempts": {
              "get": {
                "operationId": "attempts",
                "summary": "Attempts, newest first",
                "description": "Entries of the ledger, as they are stored. Roles: viewer, auditor, operator.",
                "parameters": [
                  {"$ref": "#/components/parameters/since"},
                  {"$ref": "#/components/parameters/until"},
                  {"$ref": "#/components/parameters/source"},
                  {"$ref": "#/components/parameters/verdict"},
                  {"$ref": "#/components/parameters/reason"},
                  {"$ref": "#/components/parameters/channel"},
                  {"$ref": "#/components/parameters/kind"},
                  {"$ref": "#/components/parameters/account"},
                  {"$ref": "#/components/parameters/entry"},
                  {"$ref": "#/components/parameters/drop"},
                  {"$ref": "#/components/parameters/text"},
                  {
                    "name": "limit",
                    "in": "query",
                    "description": "Items at most.",
                    "required": false,
                    "schema": {"type": "integer", "format": "int64", "minimum": 1, "maximum": 500, "default": 50}
                  },
                  {"$ref": "#/components/parameters/before"},
                  {"$ref": "#/components/parameters/If-None-Match"}
                ],
                "responses": {
                  "200": {
                    "description": "A page.",
                    "headers": {"ETag": {"$ref": "#/components/headers/ETag"}},
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/AttemptPage"}}}
                  },
                  "304": {"$ref": "#/components/responses/Unchanged"},
                  "400": {"$ref": "#/components/responses/BadParameter"},
                  "401": {"$ref": "#/components/responses/Unauthorized"},
                  "403": {"$ref": "#/components/responses/Forbidden"},
                  "500": {"$ref": "#/components/responses/Failed"}
                }
              }
            },
            "/attempts/stream": {
              "get": {
                "operationId": "attemptStream",
                "summary": "Attempts as they come",
                "description": "Server-sent events: `event: attempt`, `id:` the entry's number, `data:` the entry. Goes on behind `Last-Event-ID`, or behind `after`, or with what comes from now on. Ends when the gate stops or the token is revoked. Roles: viewer, auditor, operator.",
                "parameters": [
                  {"$ref": "#/components/parameters/since"}, {"$ref": "#/components/parameters/until"},
                  {"$ref": "#/components/parameters/source"}, {"$ref": "#/components/parameters/verdict"},
                  {"$ref": "#/components/parameters/reason"}, {"$ref": "#/components/parameters/channel"},
                  {"$ref": "#/components/parameters/kind"}, {"$ref": "#/components/parameters/account"},
                  {"$ref": "#/components/parameters/entry"}, {"$ref": "#/components/parameters/drop"},
                  {"$ref": "#/components/parameters/text"}, {"$ref": "#/components/parameters/after"},
                  {"$ref": "#/components/parameters/Last-Event-ID"}
                ],
                "responses": {
                  "200": {"description": "The stream.", "content": {"text/event-stream": {"schema": {"type": "string"}}}},
                  "503": {
                    "description": "Too many streams are open.",
                    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
                  },
                  "400": {"$ref": "#/components/responses/BadParameter"},
                  "401": {"$ref": "#/components/responses/Unauthorized"},
                  "403": {"$ref": "#/components/responses/Forbidden"},
                  "500": {"$ref": "#/components/responses/Failed"}
                }
              }
            },
            "/attempts/{seq}": {
              "get": {
                "operationId": "attempt",
                "summary": "One entry",
                "description": "As it is stored. Roles: viewer, auditor, operator.",
                "parameters": [{"$ref": "#/components/parameters/seq"}, {"$ref": "#/components/parameters/If-None-Match"}],
                "responses": {
                  "200": {
                    "description": "The entry.",
                    "headers": {"ETag": {"$ref": "#/components/headers/ETag"}},
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Entry"}}}
                  },
                  "304": {"$ref": "#/components/responses/Unchanged"},
                  "400": {"$ref": "#/components/responses/BadParameter"},
                  "404": {
                    "description": "There is no such entry, or none any more.",
                    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
                  },
                  "401": {"$ref": "#/components/responses/Unauthorized"},
                  "403": {"$ref": "#/components/responses/Forbidden"},
                  "500": {"$ref": "#/components/responses/Failed"}
                }
              }
            },
            "/attempts/{seq}/proof": {
              "get": {
                "operationId": "attemptProof",
                "summary": "That an entry is in the signed ledger",
                "description": "A C2SP tlog-proof: with the entry's bytes and the ledger's public key it verifies offline (Deploy/verify-bundle.py). Roles: viewer, auditor, operator.",
                "parameters": [{"$ref": "#/components/parameters/seq"}, {"$ref": "#/components/parameters/If-None-Match"}],
                "responses": {
                  "200": {
                    "description": "That an entry is in the signed ledger.",
                    "headers": {"ETag": {"$ref": "#/components/headers/ETag"}},
                    "content": {"text/plain": {"schema": {"type": "string"}}}
                  },
                  "304": {"$ref": "#/components/responses/Unchanged"},
                  "400": {"$ref": "#/components/responses/BadParameter"},
                  "401": {"$ref": "#/components/responses/Unauthorized"},
                  "403": {"$ref": "#/components/responses/Forbidden"},
                  "404": {
                    "description": "There is no such entry, or none any more.",
                    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
                  },
                  "409": {
                    "description": "No checkpoint covers the entry yet; ask again in some seconds.",
                    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
                  },
                  "500": {"$ref": "#/components/responses/Failed"}
                }
              }
            },
            "/ledger/checkpoint": {
              "get": {
                "operationId": "checkpoint",
                "summary": "The newest checkpoint",
                "description": "A signed note (C2SP tlog-checkpoint). Keep it elsewhere: what it covers cannot be changed afterwards without being noticed. Roles: viewer, auditor, operator.",
                "parameters": [{"$ref": "#/components/parameters/If-None-Match"}],
                "responses": {
                  "200": {
                    "description": "The newest checkpoint.",
                    "headers": {"ETag": {"$ref": "#/components/headers/ETag"}},
                    "content": {"text/plain": {"schema": {"type": "string"}}}
                  },
                  "304": {"$ref": "#/components/responses/Unchanged"},
                  "400": {"$ref": "#/components/responses/BadParameter"},
                  "401": {"$ref": "#/components/responses/Unauthorized"},
                  "403": {"$ref": "#/components/responses/Forbidden"},
                  "404": {
                    "description": "None is signed yet.",
                    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
                  },
                  "500": {"$ref": "#/components/responses/Failed"}
                }
              }
            },
            "/ledger/keys": {
              "get": {
                "operationId": "ledgerKeys",
                "summary": "The ledger's public keys",
                "description": "One a line, the newest one last. Compare them with what was kept elsewhere. Roles: viewer, auditor, operator.",
                "parameters": [{"$ref": "#/components/parameters/If-None-Match"}],
                "responses": {
                  "200": {
                    "description": "The ledger's public keys.",
                    "headers": {"ETag": {"$ref": "#/components/headers/ETag"}},
                    "content": {"text/plain": {"schema": {"type": "string"}}}
                  },
                  "304": {"$ref": "#/components/responses/Unchanged"},
                  "400": {"$ref": "#/components/responses/BadParameter"},
                  "401": {"$ref": "#/components/responses/Unauthorized"},
                  "403": {"$ref": "#/components/responses/Forbidden"},
                  "500": {"$ref": "#/components/responses/Failed"}
                }
              }
            },
            "/sources": {
              "get": {
                "operationId": "sources",
                "summary": "The source lists",
                "description": "Who may call in, as the files have it, or as the gate has it in force where they have mistakes. Roles: viewer, auditor, operator.",
                "parameters": [{"$ref": "#/components/parameters/If-None-Match"}],
                "responses": {
                  "200": {
                    "description": "The lists.",
                    "headers": {"ETag": {"$ref": "#/components/headers/ETag"}},
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Sources"}}}
                  },
                  "304": {"$ref": "#/components/responses/Unchanged"},
                  "400": {"$ref": "#/components/responses/BadParameter"},
                  "401": {"$ref": "#/components/responses/Unauthorized"},
                  "403": {"$ref": "#/components/responses/Forbidden"},
                  "500": {"$ref": "#/components/responses/Failed"}
                }
              }
            },
            "/sources/explain": {
              "get": {
                "operationId": "explainSource",
                "summary": "What is decided on an address",
                "description": "On each channel, with the trace; as `dropgate source explain` tells it. Roles: viewer, auditor, operator.",
                "parameters": [
                  {
                    "name": "ip",
                    "in": "query",
                    "description": "The address that calls.",
                    "required": true,
                    "schema": {"type": "string"}
                  },
                  {
                    "name": "channel",
                    "in": "query",
                    "description": "Where it calls.",
                    "required": false,
                    "schema": {"type": "array", "items": {"type": "string", "enum": ["webhook", "sftp"]}},
                    "style": "form",
                    "explode": true
                  },
                  {
                    "name": "at",
                    "in": "query",
                    "description": "By the lists that were in force then (RFC 3339); without it, now.",
                    "required": false,
                    "schema": {"type": "string", "format": "date-time"}
                  },
                  {"$ref": "#/components/parameters/If-None-Match"}
                ],
                "responses": {
                  "200": {
                    "description": "A decision for each channel.",
                    "headers": {"ETag": {"$ref": "#/components/headers/ETag"}},
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Decisions"}}}
                  },
                  "304": {"$ref": "#/components/responses/Unchanged"},
                  "400": {"$ref": "#/components/responses/BadParameter"},
                  "401": {"$ref": "#/components/responses/Unauthorized"},
                  "403": {"$ref": "#/components/responses/Forbidden"},
                  "500": {"$ref": "#/components/responses/Failed"}
                }
              }
            },
            "/drops": {
              "get": {
                "operationId": "drops",
                "summary": "Drops, newest first",
                "description": "What was accepted, with its receipt's members; not what it holds. Roles: all.",
                "parameters": [
                  {"$ref": "#/components/parameters/state"},
                  {
                    "name": "limit",
                    "in": "query",
                    "description": "Items at most.",
                    "required": false,
                    "schema": {"type": "integer", "format": "int64", "minimum": 1, "maximum": 200, "default": 50}
                  },
                  {"$ref": "#/components/parameters/beforeDrop"},
                  {"$ref": "#/components/parameters/If-None-Match"}
                ],
                "responses": {
                  "200": {
                    "description": "A page.",
                    "headers": {"ETag": {"$ref": "#/components/headers/ETag"}},
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/DropPage"}}}
                  },
                  "304": {"$ref": "#/components/responses/Unchanged"},
                  "400": {"$ref": "#/components/responses/BadParameter"},
                  "401": {"$ref": "#/components/responses/Unauthorized"},
                  "403": {"$ref": "#/components/responses/Forbidden"},
                  "500": {"$ref": "#/components/responses/Failed"}
                }
              }
            },
            "/drops/stream": {
              "get": {
                "operationId": "dropStream",
                "summary": "Released drops as they come",
                "description": "Server-sent events: `event: drop`, `id:` the number of the drop's entry, `data:` the drop. Each released drop that nobody has acknowledged or taken, once, in the order of entries; goes on behind `Last-Event-ID`, or behind `after`, or begins with the oldest that waits. A drop that is still to be released has those behind it wait. Ends when the gate stops or the token is revoked. Roles: all.",
                "parameters": [
                  {"$ref": "#/components/parameters/after"},
                  {"$ref": "#/components/parameters/Last-Event-ID"}
                ],
                "responses": {
                  "200": {
                    "description": "The stream.",
                    "content": {"text/event-stream": {"schema": {"type": "string"}}}
                  },
                  "400": {"$ref": "#/components/responses/BadParameter"},
                  "401": {"$ref": "#/components/responses/Unauthorized"},
                  "403": {"$ref": "#/components/responses/Forbidden"},
                  "500": {"$ref": "#/components/responses/Failed"},
                  "503": {
                    "description": "Too many streams are open.",
                    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
                  }
                }
              }
            },
            "/drops/{id}": {
              "get": {
                "operationId": "drop",
                "summary": "One drop",
                "description": "Also one that is held in quarantine. Roles: all.",
                "parameters": [{"$ref": "#/components/parameters/id"}, {"$ref": "#/components/parameters/If-None-Match"}],
                "responses": {
                  "200": {
                    "description": "The drop.",
                    "headers": {"ETag": {"$ref": "#/components/headers/ETag"}},
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Drop"}}}
                  },
                  "304": {"$ref": "#/components/responses/Unchanged"},
                  "400": {"$ref": "#/components/responses/BadParameter"},
                  "404": {"$ref": "#/components/responses/NoDrop"},
                  "401": {"$ref": "#/components/responses/Unauthorized"},
                  "403": {"$ref": "#/components/responses/Forbidden"},
                  "500": {"$ref": "#/components/responses/Failed"}
                }
              }
            },
            "/drops/{id}/content": {
              "get": {
                "operationId": "dropContent",
                "summary": "What a drop holds",
                "description": "The bytes as they came, of a drop that lies in ready/. Each answer is an entry of the ledger. Compare them with the receipt's sha256, which is the ETag, too. Roles: consumer.",
                "parameters": [{"$ref": "#/components/parameters/id"}],
                "responses": {
                  "200": {
                    "description": "The bytes.",
                    "headers": {"ETag": {"$ref": "#/components/headers/ETag"}},
                    "content": {
                      "application/octet-stream": {
                        "schema": {"type": "string", "contentMediaType": "application/octet-stream"}
                      }
                    }
                  },
                  "400": {"$ref": "#/components/responses/BadParameter"},
                  "404": {"$ref": "#/components/responses/NoDrop"},
                  "409": {
                    "description": "It is not released yet.",
                    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
                  },
                  "410": {
                    "description": "It is not in ready/ any more.",
                    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
                  },
                  "401": {"$ref": "#/components/responses/Unauthorized"},
                  "403": {"$ref": "#/components/responses/Forbidden"},
                  "500": {"$ref": "#/components/responses/Failed"}
                }
              }
            },
            "/drops/{id}/acknowledge": {
              "post": {
                "operationId": "acknowledgeDrop",
                "summary": "The consumer is done with a drop",
                "description": "Its file and receipt are removed after staging.keep_acknowledged. An entry of the ledger. Roles: consumer, operator.",
                "parameters": [{"$ref": "#/components/parameters/id"}],
                "requestBody": {"$ref": "#/components/requestBodies/Comment"},
                "responses": {
                  "200": {
                    "description": "Done.",
                    "headers": {"ETag": {"$ref": "#/components/headers/ETag"}},
                    "content": {
                      "application/json": {
                        "schema": {
                          "type": "object",
                          "required": ["id", "state"],
                          "properties": {"id": {"type": "string"}, "state": {"const": "acknowledged"}}
                        }
                      }
                    }
                  },
                  "400": {"$ref": "#/components/responses/BadBody"},
                  "404": {"$ref": "#/components/responses/NoDrop"},
                  "409": {"$ref": "#/components/responses/WrongState"},
                  "413": {"$ref": "#/components/responses/TooLong"},
                  "415": {"$ref": "#/components/responses/NotJSON"},
                  "401": {"$ref": "#/components/responses/Unauthorized"},
                  "403": {"$ref": "#/components/responses/Forbidden"},
                  "500": {"$ref": "#/components/responses/Failed"}
                }
              }
            },
            "/drops/{id}/release": {
              "post": {
                "operationId": "releaseHeld",
                "summary": "Release an event that is held in quarantine",
                "description": "Its source must be listed by now. An entry of the ledger. Roles: operator.",
                "parameters": [{"$ref": "#/components/parameters/id"}],
                "requestBody": {"$ref": "#/components/requestBodies/Comment"},
                "responses": {
                  "200": {
                    "description": "Done.",
                    "headers": {"ETag": {"$ref": "#/components/headers/ETag"}},
                    "content": {
                      "application/json": {
                        "schema": {
                          "type": "object",
                          "required": ["id", "status"],
                          "properties": {
                            "id": {"type": "string"},
                            "status": {"enum": ["stored", "duplicate"]},
                            "name": {"type": "string", "description": "Relative to ready/."}
                          }
                        }
                      }
                    }
                  },
                  "400": {"$ref": "#/components/responses/BadBody"},
                  "404": {"$ref": "#/components/responses/NoDrop"},
                  "409": {"$ref": "#/components/responses/WrongState"},
                  "413": {"$ref": "#/components/responses/TooLong"},
                  "415": {"$ref": "#/components/responses/NotJSON"},
                  "401": {"$ref": "#/components/responses/Unauthorized"},
                  "403": {"$ref": "#/components/responses/Forbidden"},
                  "500": {"$ref": "#/components/responses/Failed"}
                }
              }
            }
          },
          "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "A token of the console."}},
            "schemas": {
              "Problem": {
                "type": "object",
                "description": "RFC 9457.",
                "required": ["title", "status", "code", "detail"],
                "properties": {
                  "title": {"type": "string"},
                  "status": {"type": "integer"},
                  "code": {"type": "string", "description": "For programs."},
                  "detail": {"type": "string", "description": "For people: what is wrong, and what to do."}
                }
              },
              "Entry": {
                "type": "object",
                "description": "An entry of the ledger; Config/schemas/ledger-entry.schema.json describes all members.",
                "required": ["seq", "time", "node", "kind", "verdict", "reason", "count"],
                "properties": {
                  "seq": {"type": "integer", "format": "int64", "minimum": 0, "maximum": 9007199254740991},
                  "time": {"type": "string", "format": "date-time"},
                  "kind": {"type": "string"},
                  "channel": {"type": "string"},
                  "verdict": {"type": "string"},
                  "reason": {"type": "string"},
                  "count": {"type": "integer", "format": "int64", "minimum": 1, "maximum": 9007199254740991}
                }
              },
              "AttemptPage": {
                "type": "object",
                "required": ["items"],
                "properties": {
                  "items": {"type": "array", "items": {"$ref": "#/components/schemas/Entry"}},
                  "next": {"type": "integer", "format": "int64", "minimum": 0, "maximum": 9007199254740991}
                }
              },
              "Drop": {
                "type": "object",
                "description": "The members of a receipt and what became of the drop, as `dropgate drops show --format json`; .github/guides/consuming.md describes all.",
                "required": ["id", "state", "channel", "name", "file", "received"],
                "properties": {
                  "id": {"type": "string"},
                  "state": {
                    "type": "string",
                    "enum": ["pending", "released", "acknowledged", "withdrawn", "lost", "forgotten", "taken", "held"]
                  },
                  "channel": {"type": "string"},
                  "name": {"type": "string"},
                  "file": {"type": "string"},
                  "bytes": {"type": "integer", "format": "int64", "minimum": 0, "maximum": 9007199254740991},
                  "sha256": {"type": "string"},
                  "received": {"type": "string", "format": "date-time"},
                  "released": {"type": "string", "format": "date-time"}
                }
              },
              "Sources": {
                "type": "object",
                "description": "As `dropgate source list --format json`.",
                "required": ["policy", "entries", "lists"],
                "properties": {
                  "policy": {"type": "string", "description": "The version of the lists."},
                  "entries": {
                    "type": "array",
                    "items": {
                      "type": "object",
                      "required": ["id", "list", "service", "cidr", "channels", "mode", "state"],
                      "properties": {
                        "id": {"type": "string"},
                        "cidr": {"type": "string"},
                        "channels": {"type": "array", "items": {"type": "string"}},
                        "state": {"type": "string"}
                      }
                    }
                  },
                  "lists": {"type": "object"}
                }
              },
              "Decisions": {
                "type": "object",
                "required": ["items"],
                "properties": {
                  "items": {
                    "type": "array",
                    "items": {
                      "type": "object",
                      "required": ["channel", "known", "at", "lists"],
                      "properties": {
                        "channel": {"enum": ["webhook", "sftp"]},
                        "known": {"type": "boolean", "description": "False: the lists of that time are not known."},
                        "verdict": {"type": "string"},
                        "reason": {"type": "string"},
                        "entries": {"type": "array", "items": {"type": "string"}},
                        "trace": {"type": "array", "items": {"type": "string"}}
                      }
                    }
                  }
                }
              },
              "DropPage": {
                "type": "object",
                "required": ["items"],
                "properties": {
                  "items": {"type": "array", "items": {"$ref": "#/components/schemas/Drop"}},
                  "next": {"type": "integer", "format": "int64", "minimum": 0, "maximum": 9007199254740991}
                }
              },
              "Status": {
                "type": "object",
                "required": ["status", "node", "version", "entries"],
                "properties": {
                  "status": {"enum": ["ready", "degraded", "unavailable"]},
                  "problems": {"type": "object", "additionalProperties": {"type": "string"}},
                  "node": {"type": "string"},
                  "version": {"type": "string"},
                  "entries": {"type": "integer", "format": "int64", "minimum": 0, "maximum": 9007199254740991},
                  "policy": {"type": "string"}
                }
              }
            },
            "responses": {
              "Unchanged": {"description": "It is as the caller has it."},
              "BadParameter": {
                "description": "A parameter is not known, comes twice, or cannot be read.",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
              },
              "Unauthorized": {
                "description": "No good token.",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
              },
              "Forbidden": {
                "description": "The token's role may not do this, or a page of another site asks.",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
              },
              "Failed": {
                "description": "The ledger or staging does not answer.",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
              },
              "NoDrop": {
                "description": "There is no such drop.",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
              },
              "BadBody": {
                "description": "The body cannot be read.",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
              },
              "WrongState": {
                "description": "The drop is not in a state in which this can be done.",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
              },
              "TooLong": {
                "description": "The body is too long.",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
              },
              "NotJSON": {
                "description": "The body is not application/json.",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
              }
            },
            "parameters": {
              "If-None-Match": {
                "name": "If-None-Match",
                "in": "header",
                "required": false,
                "description": "Entity tags of an earlier answer.",
                "schema": {"type": "string"}
              },
              "since": {
                "name": "since",
                "in": "query",
                "description": "Not before this time (RFC 3339).",
                "required": false,
                "schema": {"type": "string", "format": "date-time"}
              },
              "until": {
                "name": "until",
                "in": "query",
                "description": "Before this time (RFC 3339).",
                "required": false,
                "schema": {"type": "string", "format": "date-time"}
              },
              "source": {
                "name": "source",
                "in": "query",
                "description": "Source address or CIDR block.",
                "required": false,
                "schema": {"type": "array", "items": {"type": "string", "examples": ["20.21.208.105"]}},
                "style": "form",
                "explode": true
              },
              "verdict": {
                "name": "verdict",
                "in": "query",
                "description": "What was decided.",
                "required": false,
                "schema": {"type": "array", "items": {"type": "string", "enum": ["accepted", "rejected", "observed"]}},
                "style": "form",
                "explode": true
              },
              "reason": {
                "name": "reason",
                "in": "query",
                "description": "Why.",
                "required": false,
                "schema": {
                  "type": "array",
                  "items": {
                    "type": "string",
                    "enum": [
                      "listed", "not_listed", "entry_expired", "wrong_channel", "address_undeterminable",
                      "bad_proxy_header", "connection_limit", "rate_limited", "tls_failed", "handshake_failed", "timeout",
                      "auth_failed", "unknown_account", "account_disabled", "bad_secret", "bad_signature", "bad_path",
                      "bad_method", "too_large", "malformed", "incomplete", "forbidden_operation", "duplicate",
                      "staging_full", "ledger_failed", "started", "stopped", "changed", "read", "exported",
                      "exported_in_part", "pulled", "renamed", "withdrawn", "silent", "heard"
                    ]
                  }
                },
                "style": "form",
                "explode": true
              },
              "channel": {
                "name": "channel",
                "in": "query",
                "description": "Where.",
                "required": false,
                "schema": {"type": "array", "items": {"type": "string", "enum": ["webhook", "sftp", "console"]}},
                "style": "form",
                "explode": true
              },
              "kind": {
                "name": "kind",
                "in": "query",
                "description": "What the entry is about.",
                "required": false,
                "schema": {
                  "type": "array",
                  "items": {
                    "type": "string",
                    "enum": ["connection", "request", "login", "transfer", "policy", "service", "access", "probe"]
                  }
                },
                "style": "form",
                "explode": true
              },
              "account": {
                "name": "account",
                "in": "query",
                "description": "An SFTP account.",
                "required": false,
                "schema": {"type": "array", "items": {"type": "string"}},
                "style": "form",
                "explode": true
              },
              "entry": {
                "name": "entry",
                "in": "query",
                "description": "A source-list entry that matched, as in vsee-qatar/clinic.",
                "required": false,
                "schema": {"type": "array", "items": {"type": "string"}},
                "style": "form",
                "explode": true
              },
              "drop": {
                "name": "drop",
                "in": "query",
                "description": "A drop that the entry is about or speaks of.",
                "required": false,
                "schema": {"type": "array", "items": {"type": "string"}},
                "style": "form",
                "explode": true
              },
              "text": {
                "name": "text",
                "in": "query",
                "description": "Text anywhere in the entry's JSON; the case of ASCII letters does not matter.",
                "required": false,
                "schema": {"type": "string", "minLength": 1}
              },
              "before": {
                "name": "before",
                "in": "query",
                "description": "Only entries below this number.",
                "required": false,
                "schema": {"type": "integer", "format": "int64", "minimum": 0, "maximum": 9007199254740991}
              },
              "after": {
                "name": "after",
                "in": "query",
                "description": "Only entries above this number.",
                "required": false,
                "schema": {"type": "integer", "format": "int64", "minimum": 0, "maximum": 9007199254740991}
              },
              "Last-Event-ID": {
                "name": "Last-Event-ID",
                "in": "header",
                "required": false,
                "description": "The number of the last entry that was seen.",
                "schema": {"type": "string", "pattern": "^[0-9]{1,15}$"}
              },
              "seq": {
                "name": "seq",
                "in": "path",
                "required": true,
                "description": "The entry's number.",
                "schema": {"type": "integer", "format": "int64", "minimum": 0, "maximum": 9007199254740991}
              },
              "state": {
                "name": "state",
                "in": "query",
                "description": "A state.",
                "required": false,
                "schema": {
                  "type": "array",
                  "items": {
                    "type": "string",
                    "enum": ["pending", "released", "acknowledged", "withdrawn", "lost", "forgotten", "taken"]
                  }
                },
                "style": "form",
                "explode": true
              },
              "beforeDrop": {
                "name": "before",
                "in": "query",
                "description": "Only drops of entries below this number.",
                "required": false,
                "schema": {"type": "integer", "format": "int64", "minimum": 0, "maximum": 9007199254740991}
              },
              "id": {
                "name": "id",
                "in": "path",
                "required": true,
                "description": "The drop's id.",
                "schema": {"type": "string", "pattern": "^[0-9a-z]{26}$"}
              }
            },
            "headers": {
              "ETag": {
                "description": "Of this answer; send it as If-None-Match to ask whether it is still the same.",
                "schema": {"type": "string"}
              }
            },
            "requestBodies": {
              "Comment": {
                "required": false,
                "content": {
                  "application/json": {
                    "schema": {
                      "type": "object",
                      "additionalProperties": false,
                      "properties": {
                        "comment": {
                          "type": "string",
                          "minLength": 1,
                          "maxLength": 256,
                          "pattern": "^[^\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2064\u2066-\u2069\ufeff]+$",
                          "description": "Why; becomes part of the ledger's entry."
                        }
                      }
                    }
                  }
                }
              }
            }
          }
        }
        """#
}
