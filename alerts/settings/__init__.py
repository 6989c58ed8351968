"""How the routes file is read: conversion and errors, hours, secrets."""
