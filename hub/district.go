package main

import "github.com/spf13/cobra"

func districtCommand() *cobra.Command { return group("district", "hub.cmd_district") }
